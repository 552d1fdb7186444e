import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { NestExpressApplication } from '@nestjs/platform-express';

/** Nothing from elsewhere, nothing inline: `connect-src` covers HTTP and WebSockets to where the page comes from. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Serves the page as it is in `page/`, and the browser bundles of MQTT.js and uPlot from `node_modules`. */
export function servePage(app: NestExpressApplication): void {
  app.use((_: IncomingMessage, response: ServerResponse, next: () => void) => {
    response.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    next();
  });
  app.useStaticAssets(folder('../../../examples/fleet/page/', import.meta.url)); // this file is in dist-examples/
  app.useStaticAssets(folder('../dist/', import.meta.resolve('mqtt')), { prefix: '/vendor/mqtt/' });
  app.useStaticAssets(folder('./', import.meta.resolve('uplot')), { prefix: '/vendor/uplot/' });
}

function folder(path: string, base: string): string {
  return fileURLToPath(new URL(path, base));
}
