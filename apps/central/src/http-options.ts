import { readFileSync } from 'node:fs';
import { RivuletError } from '@rivulet/errors';
import { ServerTls, TrustedProxies, type Environment } from '@rivulet/platform';
import { CentralHttpEnv, CentralTlsEnv } from './central.env';
import { ClientCertificateSettings } from './devices/authentication/client-certificates';

/** The TLS settings of central's servers. */
export interface TlsOptions {
  tls: ServerTls;
  proxies: TrustedProxies;
  certificates: ClientCertificateSettings;
}

/** How central serves HTTP. */
export function httpOptions(environment: Environment, { tls, proxies, certificates }: TlsOptions) {
  const { perDevice, perOperator, perAddress, ...connections } = environment.section(CentralHttpEnv);
  const credentialHeader = certificates.header;
  return {
    rateLimits: { perDevice, perOperator, perAddress, credentialHeader },
    maxConnections: connections.maxConnections,
    maxConnectionsPerAddress: connections.maxConnectionsPerAddress,
    trustedProxies: proxies,
    tls: environment.section(CentralTlsEnv).https ? tls : undefined,
  };
}

/** @throws RivuletError ENVIRONMENT_INVALID */
export function resolveTls(environment: Environment): TlsOptions {
  const { certFile, keyFile, clientCa, clientCrl, clientCertHeader } = environment.section(CentralTlsEnv);
  const { trustedProxies } = environment.section(CentralHttpEnv);
  const tls = ServerTls.open({
    cert: { variable: 'CENTRAL_TLS_CERT_FILE', path: certFile },
    key: { variable: 'CENTRAL_TLS_KEY_FILE', path: keyFile },
    clientCa: { variable: 'CENTRAL_CLIENT_CA', path: clientCa },
    clientCrl: { variable: 'CENTRAL_CLIENT_CRL', path: clientCrl },
  });
  const problem = problemOf({ clientCa, clientCrl, clientCertHeader, trustedProxies, isOn: tls.isOn });
  if (problem !== undefined) throw new RivuletError('ENVIRONMENT_INVALID', problem);
  return {
    tls,
    proxies: new TrustedProxies(trustedProxies),
    certificates: {
      isOn: clientCa !== undefined,
      header: clientCertHeader?.toLowerCase(),
      issuers: issuersIn(tls, clientCa),
    },
  };
}

function problemOf({
  clientCa,
  clientCrl,
  clientCertHeader,
  trustedProxies,
  isOn,
}: Pick<CentralTlsEnv, 'clientCa' | 'clientCrl' | 'clientCertHeader'> & {
  trustedProxies: string[];
  isOn: boolean;
}): string | undefined {
  if (clientCertHeader !== undefined && trustedProxies.length === 0)
    return 'CENTRAL_CLIENT_CERT_HEADER is set, and CENTRAL_TRUSTED_PROXIES names no proxy that may send it.';
  if (clientCertHeader !== undefined && clientCa === undefined)
    return 'CENTRAL_CLIENT_CERT_HEADER is set, and CENTRAL_CLIENT_CA does not say whose certificates count.';
  if (clientCa !== undefined && clientCertHeader === undefined && !isOn)
    return 'CENTRAL_CLIENT_CA is set, and client certificates need CENTRAL_TLS_CERT_FILE, or CENTRAL_CLIENT_CERT_HEADER of a proxy.';
  if (clientCrl !== undefined && clientCertHeader !== undefined)
    return 'CENTRAL_CLIENT_CRL is set, and certificates in CENTRAL_CLIENT_CERT_HEADER are not compared with it: the proxy checks those. Serve devices that connect without the proxy by another process of central.';
  return clientCrl !== undefined && (clientCa === undefined || !isOn)
    ? 'CENTRAL_CLIENT_CRL is set, and needs CENTRAL_CLIENT_CA and CENTRAL_TLS_CERT_FILE: behind a proxy, the proxy checks it.'
    : undefined;
}

/** With TLS those of its last reload. @throws RivuletError ENVIRONMENT_INVALID */
function issuersIn(tls: ServerTls, path: string | undefined): () => string {
  if (path === undefined) return () => '';
  if (tls.isOn) return () => tls.clientCa;
  try {
    const pem = readFileSync(path, 'utf8');
    return () => pem;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new RivuletError(
      'ENVIRONMENT_INVALID',
      `CENTRAL_CLIENT_CA is ${path}, which cannot be read (${code}).`,
      {
        cause: error,
      },
    );
  }
}
