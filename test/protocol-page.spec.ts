import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { errorStatus } from '@rivulet/platform';
import { errorCatalogue, type ErrorCode } from '@rivulet/errors';
import { DeviceSyncController } from '../apps/central/src/device-sync/device-sync.controller';

/** Sections 14 and 15 of docs/protocol.md: what a client must be ready for, and what it does about it. */
const page = readFileSync(resolve(__dirname, '../docs/protocol.md'), 'utf8');
const errors = page.slice(page.indexOf('\n## 14. '), page.indexOf('\n## 15. '));
const retries = page.slice(page.indexOf('\n## 15. '), page.indexOf('\n## 16. '));

function codesOfRow(start: string): Map<string, number> {
  const row = errors.split('\n').find((line) => line.startsWith(`| ${start} |`))!;
  return new Map([...row.matchAll(/`([A-Z_]+)` (\d{3})/g)].map((match) => [match[1]!, Number(match[2])]));
}

const forAll = codesOfRow('all');
const forPosts = codesOfRow('both POST');
const routes = {
  request: new Map([...forAll, ...forPosts, ...codesOfRow('request')]),
  payload: new Map([...forAll, ...codesOfRow('payload')]),
  acknowledge: new Map([...forAll, ...forPosts, ...codesOfRow('acknowledgement')]),
};

/** The codes that OpenAPI has for a route. */
function documentedCodes(route: keyof typeof routes): string[] {
  const method = DeviceSyncController.prototype[route];
  const responses = Reflect.getMetadata('swagger/apiResponse', method) as Record<
    string,
    { content?: Record<string, { examples?: object }> }
  >;
  return Object.values(responses).flatMap(({ content = {} }) =>
    Object.keys(content['application/problem+json']?.examples ?? {}),
  );
}

describe.each(Object.keys(routes) as (keyof typeof routes)[])('the errors of %s', (route) => {
  it('are all in docs/protocol.md, with their statuses', () => {
    const codes = documentedCodes(route);
    expect(codes.length).toBeGreaterThan(3);
    expect(codes.filter((code) => !routes[route].has(code))).toEqual([]);
    for (const [code, status] of routes[route])
      expect([code, errorStatus[code as ErrorCode]]).toEqual([code, status]);
  });

  it('are worth a retry where docs/protocol.md says so', () => {
    const first = retries.split('\n').find((line) => line.startsWith('| no connection'));
    const named = new Set([...first!.matchAll(/`([A-Z_]+)`/g)].map((match) => match[1]!));
    const passing = [...routes[route].keys()].filter((code) => errorCatalogue[code as ErrorCode].transient);
    // A payload that is gone does not come back: the next row has it.
    expect(passing.filter((code) => code !== 'MANIFEST_EXPIRED' && !named.has(code))).toEqual([]);
  });
});
