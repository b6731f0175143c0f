import { Gauge, type Registry } from 'prom-client';
import type { AppLogger } from '../logging/logger';
import { namedError } from '../problem/named-error';
import type { ServerTls } from './server-tls';

/** Takes over renewed files when they change, and on SIGHUP. @returns what ends it */
export function keepTlsCurrent(tls: ServerTls, logger: AppLogger, registry: Registry): () => void {
  if (!tls.isOn) return () => undefined;
  const expiry = new Gauge({
    name: 'rivulet_tls_certificate_expiry_timestamp_seconds',
    help: 'When the certificate of the server ends, in seconds since 1970.',
    registers: [registry],
    collect() {
      this.set((tls.expiresAt?.getTime() ?? 0) / 1_000);
    },
  });
  const reload = (): void => {
    try {
      tls.reload();
      logger.info(`Reloaded the TLS files; the certificate is valid until ${tls.expiresAt?.toISOString()}`);
    } catch (error) {
      const { code, message } = namedError(error);
      logger.warn({ code }, `The TLS files were not reloaded, the former ones stay in force: ${message}`);
    }
  };
  const unwatch = tls.watch(reload);
  process.on('SIGHUP', reload);
  return () => {
    unwatch();
    process.off('SIGHUP', reload);
    registry.removeSingleMetric('rivulet_tls_certificate_expiry_timestamp_seconds');
    expiry.reset();
  };
}
