import { Module } from '@nestjs/common';
import { Journal, journal } from '../journal.js';
import { ConsumptionController } from './consumption.controller.js';
import { TargetController } from './target.controller.js';
import { TelemetryController } from './telemetry.controller.js';

@Module({
  controllers: [TelemetryController, ConsumptionController, TargetController],
  providers: [{ provide: Journal, useValue: journal }],
})
export class ServiceModule {}
