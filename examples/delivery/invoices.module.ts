import { Controller, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { MqttContext, MqttEventPattern, TopicParam } from 'nestjs-mqtt';
import { Ledger } from './ledger.js';

@Controller()
class InvoicesController {
  constructor(private readonly ledger: Ledger) {}

  /** Three runs, 10 and 20 ms apart. Then the message is published to `dead-letters`, and acknowledged when that is. */
  @MqttEventPattern('invoices/{invoice}', {
    qos: 1,
    retry: { attempts: 3, delayMs: 10 },
    deadLetter: 'dead-letters',
  })
  onInvoice(
    @Payload() { cents }: { readonly cents: number },
    @TopicParam('invoice') invoice: string,
    @Ctx() { attempt }: MqttContext,
  ): void {
    console.log(`invoice ${invoice}: run ${attempt}`);
    this.ledger.book(invoice, cents);
  }
}

@Module({ controllers: [InvoicesController], providers: [Ledger] })
export class InvoicesModule {}
