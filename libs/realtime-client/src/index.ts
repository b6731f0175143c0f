export { RealtimeClient } from './realtime-client';
/** @public */
export * from './client-types';
