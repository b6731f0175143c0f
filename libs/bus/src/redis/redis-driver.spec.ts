import { isInstalled, startRedis } from '@rivulet/testing';
import { describeBus } from '../../test/bus-contract';

const describeIfThere = isInstalled('redis-server', 'the bus over Redis') ? describe : describe.skip;

describeIfThere('the bus over Redis', () => {
  describeBus(startRedis);
});
