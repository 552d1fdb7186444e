/** What spans and metrics say of where they are from. */
export const INSTRUMENTATION_SCOPE = { name: 'nestjs-mqtt', version: '0.1.0' } as const;
