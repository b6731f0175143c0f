import { describeBus } from '../../test/bus-contract';
import { describeWith, startNats } from '../../test/bus-server';

describeWith('nats-server', 'the bus over NATS', () => {
  describeBus(startNats);
});
