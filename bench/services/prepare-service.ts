import type { Handle, Service, ServiceSettings } from './service.js';

/** Loads what the kind needs, and nothing else. */
export async function prepareService(settings: ServiceSettings, handle: Handle): Promise<Service> {
  switch (settings.kind) {
    case 'MQTT.js': {
      const { MqttJsService } = await import('./mqtt-js-service.js');
      return new MqttJsService(settings, handle);
    }
    case 'strategy':
    case 'built-in strategy': {
      const { prepareStrategy } = await import('./prepare-strategy.js');
      return prepareStrategy(settings, handle);
    }
    case 'application':
    case 'built-in application': {
      const { prepareApplication } = await import('./prepare-application.js');
      return prepareApplication(settings, handle);
    }
  }
}
