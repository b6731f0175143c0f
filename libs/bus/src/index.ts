export * from './bus';
export { isBusUrl, openBus, type BusOptions } from './open-bus';
export { createBusTables, dropBusTables } from './postgres/bus-tables';
