import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TemporaryDirectory } from '../../../test/configuration-fixture';
import { resolveSecrets } from './resolve-secrets';

const directory = new TemporaryDirectory();
afterAll(() => directory.remove());

const sources = {
  variables: ['API_KEY', 'UNSET'],
  environment: { API_KEY: 'hunter2', EDGE_DATABASE_URL: 'postgres://…' },
  directory: directory.path,
};

it('references are replaced, and named', async () => {
  writeFileSync(join(directory.path, 'token'), 'from a file\n');
  const data = {
    'a/b': '${env:API_KEY}',
    list: ['x', '${file:token}'],
    text: 'not ${env:API_KEY} here',
    n: 1,
  };
  expect(await resolveSecrets(data, sources)).toEqual({
    data: { 'a/b': 'hunter2', list: ['x', 'from a file'], text: 'not ${env:API_KEY} here', n: 1 },
    secretPaths: ['/a~1b', '/list/1'],
  });
});

it.each([
  '${env:EDGE_DATABASE_URL}',
  '${env:UNSET}',
  '${file:../secret}',
  '${file:/etc/hostname}',
  '${file:missing}',
  '${file:link}',
  '${file:.}',
  '${file:folder}',
  '${file:/etc/shadow}',
  '${file:../../../../etc/shadow}',
])('%s gives nothing of this device away', async (reference) => {
  try {
    symlinkSync('/etc/hostname', join(directory.path, 'link'));
    mkdirSync(join(directory.path, 'folder'));
  } catch {
    // It is there already.
  }
  await expect(resolveSecrets({ a: reference }, sources)).rejects.toMatchObject({
    code: 'CONFIGURATION_SECRET_MISSING',
  });
});

it('without a directory no file is read', async () => {
  await expect(resolveSecrets('${file:token}', { ...sources, directory: undefined })).rejects.toMatchObject({
    code: 'CONFIGURATION_SECRET_MISSING',
  });
});

it('a long list of references to large values is not put together', async () => {
  writeFileSync(join(directory.path, 'large'), 'x'.repeat(64 * 1024));
  const list = Array.from({ length: 9 }, () => '${file:large}');
  expect((await resolveSecrets(list.slice(1), sources)).secretPaths).toHaveLength(8);
  await expect(resolveSecrets(list, sources)).rejects.toMatchObject({
    code: 'CONFIGURATION_SECRET_MISSING',
    message: expect.stringContaining('524288 bytes'),
  });
});
