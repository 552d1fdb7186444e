import { Injectable } from '@nestjs/common';
import { RetriableError } from 'nestjs-mqtt';
import { Subject } from 'rxjs';

/** Another system, which is down at first. */
@Injectable()
export class Ledger {
  readonly booked = new Subject<string>();
  isUp = false;

  book(invoice: string, cents: number): void {
    if (!this.isUp) throw new RetriableError('the ledger is down');
    console.log(`invoice ${invoice}: booked ${cents} cents`);
    this.booked.next(invoice);
  }
}
