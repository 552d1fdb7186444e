/** Puts the Client Identifier in the place of `{clientId}`; what a Topic Name cannot have in it becomes `_`. */
export function withClientId(template: string, clientId: string): string {
  return template.replaceAll('{clientId}', clientId.replaceAll(/[+#\0]/g, '_'));
}
