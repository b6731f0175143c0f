import { isInstalled, startNats } from '@rivulet/testing';
import { describeBus } from '../../test/bus-contract';

const describeIfThere = isInstalled('nats-server', 'the bus over NATS') ? describe : describe.skip;

describeIfThere('the bus over NATS', () => {
  describeBus(startNats);
});
