import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, MqttContext, Payload } from '@nestjs/microservices';

const PRICES: Readonly<Record<string, number>> = { apple: 2, melon: 5 };

/** The service, with Nest's own decorators and context: the same before and after. */
@Controller()
export class ShopController {
  @EventPattern('shop/orders', { qos: 1 })
  onOrder(@Payload() order: { readonly fruit: string; readonly count: number }): void {
    console.log(`  the service has an order: ${order.count} × ${order.fruit}`);
  }

  @MessagePattern('shop/prices/+')
  price(@Ctx() context: MqttContext): number | undefined {
    return PRICES[context.getTopic().split('/')[2] ?? ''];
  }
}
