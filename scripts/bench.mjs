import { join } from 'node:path';
import { ensureBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { findNode, projectRoot, runMain } from './project.mjs';
import { runChild } from './run-child.mjs';

await runMain(async (args) => {
  await ensureInstalled({ output: process.stderr });
  await ensureBuilt({ output: process.stderr });
  const program = join(projectRoot, 'dist', 'bench', 'main.js');
  const { code } = await runChild(findNode(), ['--enable-source-maps', program, ...args], {
    cwd: projectRoot,
    ipc: true,
  });
  return code;
});
