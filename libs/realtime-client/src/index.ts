export { RealtimeClient } from './realtime-client';
/** @public */
export {
  RealtimeError,
  type ClientOptions,
  type RealtimeMessage,
  type Subscription,
  type TopicHandlers,
} from './client-types';
