import { describeBus } from '../../test/bus-contract';
import { describeWith, startRedis } from '../../test/bus-server';

describeWith('redis-server', 'the bus over Redis', () => {
  describeBus(startRedis);
});
