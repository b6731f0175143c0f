import { isUtf8 } from 'node:buffer';
import { RivuletError } from '@rivulet/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { requestInvalid } from '../../problem/request-invalid';
import { readBinaryBodies } from './binary-body';
import { bodyLimitsOf } from './body-limits';
import { keepRawBody } from './raw-body';
import { findRepeatedName, measureJson, type JsonLimits } from './measure-json';
import { inspectBody } from '../../problem/unfit-value';

/**
 * JSON is the one media type that is read, but for routes that say that they take another. An empty body is none, whatever its content type says: many clients send
 * `Content-Type: application/json` with a POST that has nothing to say. Whether one is needed is for the route.
 */
export function readJsonBodies(instance: FastifyInstance): void {
  const parse = instance.getDefaultJsonParser('error', 'error');
  instance.removeAllContentTypeParsers();
  readBinaryBodies(instance);
  instance.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    if (bytes.length === 0) {
      done(null, undefined);
      return;
    }
    keepRawBody(request, bytes as Buffer);
    const text = textOf(request, bytes as Buffer);
    const limits = bodyLimitsOf(request);
    const names = measureJson(text, limits);
    if (typeof names === 'string') throw tooMuch(names, limits);
    // The answer comes at once, so `done` is called once.
    void parse(request, text, (error, body: unknown) => {
      const refused = error ?? refusalOf(body, text, names);
      if (refused) done(refused);
      else done(null, body);
    });
  });
}

function textOf({ headers }: FastifyRequest, bytes: Buffer): string {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new RivuletError('MEDIA_TYPE_UNSUPPORTED', 'The body is sent in another charset than UTF-8.');
  }
  if (!isUtf8(bytes)) {
    throw new RivuletError('REQUEST_INVALID', 'The body is not UTF-8.');
  }
  return bytes.toString('utf8');
}

/** A name that is repeated makes the text have more names than the value that is parsed from it. */
function refusalOf(body: unknown, text: string, names: number): RivuletError | undefined {
  const content = inspectBody(body, text.includes('\\u'));
  if (content.unfit) return requestInvalid([content.unfit]);
  if (content.names === names) return undefined;
  const name = (findRepeatedName(text) ?? '').slice(0, 64);
  return new RivuletError('REQUEST_INVALID', `The body has the field "${name}" twice in one object.`);
}

function tooMuch(limit: keyof JsonLimits, { maxDepth, maxValues }: JsonLimits): RivuletError {
  if (limit === 'maxDepth')
    return new RivuletError('REQUEST_INVALID', `The body is nested more than ${maxDepth} levels deep.`);
  return new RivuletError(
    'REQUEST_TOO_LARGE',
    `The body holds more than ${maxValues} values, the most that this route accepts.`,
  );
}
