export { startEmbeddedServer } from './embedded-server';
export type { EmbeddedServer, EmbeddedServerExit, EmbeddedServerOptions } from './embedded-server';
