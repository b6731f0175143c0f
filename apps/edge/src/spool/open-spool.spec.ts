import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSpool } from './open-spool';

describe('a spool', () => {
  it('that cannot be opened stops the start with a sentence that names the variable', async () => {
    await expect(openSpool('/dev/null/edge.spool', 65_536)).rejects.toMatchObject({
      code: 'ENVIRONMENT_INVALID',
      message: expect.stringMatching(/^EDGE_SPOOL_FILE is "\/dev\/null\/edge.spool"/) as string,
    });
  });

  it('is one edge’s alone, whatever path leads to it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rivulet-spool-'));
    const path = join(directory, 'edge.spool');
    const { file, lock } = await openSpool(path, 65_536);
    const detour = join(directory, 'detour');
    await symlink(path, detour);

    await expect(openSpool(detour, 65_536, 0)).rejects.toMatchObject({ code: 'SPOOL_TAKEN' });

    await file.close();
    lock.release();
    await rm(directory, { recursive: true });
  });
});
