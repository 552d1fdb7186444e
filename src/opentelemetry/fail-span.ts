import { SpanStatusCode, type Span } from '@opentelemetry/api';

/** Marks a span as failed. */
export function failSpan(span: Span, type: string, error: unknown): void {
  const message = messageOf(error);
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) });
  if (error instanceof Error) span.recordException(error);
}

/** Of an error, or of what an `RpcException` holds. */
function messageOf(error: unknown): string | undefined {
  if (typeof error === 'string') return error;
  if (typeof error !== 'object' || error === null || !('message' in error)) return undefined;
  return typeof error.message === 'string' ? error.message : undefined;
}
