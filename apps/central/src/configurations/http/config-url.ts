import { isObject } from '../content/merge-patch';

/** The URL in a configuration as both documents have it: `config_url` in one, `url` in the other. */
export function configUrlOf(data: unknown): string | null {
  if (!isObject(data)) return null;
  const url = data.config_url ?? data.url;
  return typeof url === 'string' ? url : null;
}
