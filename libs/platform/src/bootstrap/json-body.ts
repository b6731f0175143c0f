import { RivuletError } from '@rivulet/errors';
import type { FastifyInstance } from 'fastify';

/** No request of ours is half as deep, and what walks a body (class-transformer) recurses. */
const MAX_DEPTH = 32;

/**
 * JSON is the one media type that is read. An empty body is none, whatever its content type says: many clients send
 * `Content-Type: application/json` with a POST that has nothing to say.
 */
export function readJsonBodies(instance: FastifyInstance): void {
  const parse = instance.getDefaultJsonParser('error', 'error');
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text === '') {
      done(null, undefined);
      return;
    }
    // Parsing takes any depth; the answer comes at once, so `done` is called once.
    void parse(request, text as string, (error, body: unknown) => {
      if (error) done(error);
      else if (isDeeperThan(MAX_DEPTH, body)) done(tooDeep());
      else done(null, body);
    });
  });
}

function isDeeperThan(limit: number, body: unknown): boolean {
  let level: unknown[] = [body];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level
      .filter((value) => typeof value === 'object' && value !== null)
      .flatMap((value) => Object.values(value));
  }
  return false;
}

function tooDeep(): RivuletError {
  return new RivuletError('REQUEST_INVALID', `The body is nested more than ${MAX_DEPTH} levels deep.`);
}
