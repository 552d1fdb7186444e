import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { MqttContext } from 'nestjs-mqtt';
import { tap, type Observable } from 'rxjs';
import { Flow } from './flow.js';

/** Nest's interceptors work as with any other transport; each run of a handler is intercepted. */
@Injectable()
export class FlowInterceptor implements NestInterceptor {
  constructor(private readonly flow: Flow) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'rpc') return next.handle();
    this.flow.began(context.switchToRpc().getContext<MqttContext>());
    return next.handle().pipe(tap({ complete: () => this.flow.handled() }));
  }
}
