import { Injectable, type PipeTransform } from '@nestjs/common';
import { FatalError } from 'nestjs-mqtt';

/** A container that a crane has lifted. */
export interface Lift {
  readonly container: string;
  readonly tonnes: number;
}

@Injectable()
export class LiftPipe implements PipeTransform<Partial<Lift>, Lift> {
  /** @throws {FatalError} if it lacks something: running the handler again would not help */
  transform({ container, tonnes }: Partial<Lift>): Lift {
    if (typeof container !== 'string') throw new FatalError('A lift without a container');
    if (typeof tonnes !== 'number') throw new FatalError(`${container} has no weight`);
    return { container, tonnes };
  }
}
