import { Broker } from './broker.js';
import { DeadLetters } from './dead-letters.js';
import { DeviceCard } from './device-card.js';
import { DeviceList } from './device-list.js';
import { byId } from './element.js';
import { Fleet } from './fleet.js';
import { HarbourMap } from './harbour-map.js';
import { Pulse } from './pulse.js';
import { SensorCharts } from './sensor-charts.js';
import { setUpTheme } from './theme.js';

const FIRST_SELECTED = 'bruse';

setUpTheme();
/** @type {{ readings: Record<string, import('./fleet.js').Reading[]>, statistics: import('./pulse.js').Statistics[] }} */
const history = await (await fetch('history')).json();
const broker = new Broker((state) => {
  byId('connection').dataset.state = state;
});
const fleet = new Fleet(broker, history.readings);
new HarbourMap(fleet);
new DeviceList(fleet);
new SensorCharts(fleet);
new DeviceCard(fleet);
new Pulse(broker, history.statistics);
new DeadLetters(broker);
broker.subscribe('service/presence', (_, payload) => {
  byId('service').dataset.state = payload;
});
fleet.on('device', ({ id }) => {
  if (id === FIRST_SELECTED && fleet.selected === undefined) fleet.select(id);
});
