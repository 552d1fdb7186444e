import { Inject, Injectable } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';

/** The client's code, the same before and after. */
@Injectable()
export class Customer {
  constructor(@Inject('SHOP') private readonly shop: ClientProxy) {}

  async buy(fruit: string, count: number): Promise<void> {
    await lastValueFrom(this.shop.emit('shop/orders', { fruit, count }));
    const price = await lastValueFrom(this.shop.send<number>(`shop/prices/${fruit}`, {}));
    console.log(`  the client pays ${price * count}`);
  }
}
