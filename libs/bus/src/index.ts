export * from './bus';
export { openBus } from './open-bus';
export { createBusTables } from './postgres/bus-tables';
export { natsOptions } from './nats/nats-options';
export { redisOptions } from './redis/redis-options';
