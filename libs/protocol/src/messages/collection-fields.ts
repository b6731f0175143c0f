import { RivuletError } from '@rivulet/errors';
import { FieldReader, readText, ShapeError } from '../json/field-reader';
import { NAME_MAX_BYTES } from '../version/limits';

const KEY_MAX_COLUMNS = 32;
const QUERY_MAX_LENGTH = 100_000;

/** The fields by which the rows of a schema are read. */
export interface CollectionQuery {
  /** The schema's name, for the log and in the fingerprint. */
  name: string;
  /** SQL, with `?` for the watermark. */
  query: string;
  mode: 'mirror' | 'append' | 'snapshot';
  key: string[];
}

export function readQuery(reader: FieldReader): CollectionQuery {
  return {
    name: reader.text('name', /^[^\0]{1,200}$/, 'a name'),
    query: reader.text('query', new RegExp(`^[^\\0]{1,${QUERY_MAX_LENGTH}}$`, 's'), 'a query'),
    mode: reader.text('mode', /^(mirror|append|snapshot)$/, 'a mode') as CollectionQuery['mode'],
    key: reader.list('key', KEY_MAX_COLUMNS, readName),
  };
}

/** @throws RivuletError CENTRAL_RESPONSE_INVALID */
export function readAnswer<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ShapeError) && !(error instanceof SyntaxError)) throw error;
    throw new RivuletError('CENTRAL_RESPONSE_INVALID', `Central's answer is malformed: ${error.message}.`, {
      cause: error,
    });
  }
}

function readName(item: unknown, path: string): string {
  const name = readText(item, path);
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > NAME_MAX_BYTES)
    throw new ShapeError(`${path} is not a name`);
  return name;
}
