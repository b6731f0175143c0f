export * from './bus';
export { openBus } from './open-bus';
export { createBusTables } from './postgres/bus-tables';
