import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { RivuletError } from '@rivulet/errors';
import type { LiveEnv } from '../live.env';

export interface TlsFiles {
  cert: Buffer;
  key: Buffer;
}

/** Undefined without TLS. @throws RivuletError ENVIRONMENT_INVALID */
export function readTlsFiles({
  certFile,
  keyFile,
}: Pick<LiveEnv, 'certFile' | 'keyFile'>): TlsFiles | undefined {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined)
    throw invalid('CENTRAL_TLS_CERT_FILE and CENTRAL_TLS_KEY_FILE belong together, and one is missing.');
  const files = { cert: read('CENTRAL_TLS_CERT_FILE', certFile), key: read('CENTRAL_TLS_KEY_FILE', keyFile) };
  try {
    createSecureContext(files);
    return files;
  } catch (error) {
    throw invalid('CENTRAL_TLS_CERT_FILE and CENTRAL_TLS_KEY_FILE are not a certificate and its key.', error);
  }
}

function read(variable: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw invalid(`${variable} is ${path}, which cannot be read (${code}).`, error);
  }
}

function invalid(message: string, cause?: unknown): RivuletError {
  return new RivuletError('ENVIRONMENT_INVALID', message, { cause });
}
