import { Body, Controller, NotFoundException, Param, Post } from '@nestjs/common';
import { Fleet } from './fleet.js';

/** What happens to the devices from outside. */
@Controller('simulation')
export class SimulationController {
  constructor(private readonly fleet: Fleet) {}

  /** Without power a device vanishes without a word: it is the broker that publishes its Will. */
  @Post('devices/:device/power')
  power(@Param('device') id: string, @Body() { on }: { readonly on: boolean }): { readonly on: boolean } {
    const device = this.fleet.devices.get(id);
    if (device === undefined) throw new NotFoundException(`There is no device "${id}"`);
    device.power(on);
    return { on };
  }

  @Post('storm')
  storm(): { readonly published: number } {
    return { published: this.fleet.storm() };
  }
}
