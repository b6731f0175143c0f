import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundledNode, isMain, projectRoot, runMain } from './project.mjs';

/**
 * Makes `node` mean the Node of our packages in everything that npm runs. npm 11 does so itself; npm 10 leaves the
 * link out, because the package for the other architecture, which it does not install, has one of the same name.
 */
export function linkNode() {
  const modules = join(projectRoot, 'node_modules');
  const link = join(modules, '.bin', 'node');
  if (!existsSync(join(modules, bundledNode)) || existsSync(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join('..', bundledNode), link);
}

if (isMain(import.meta.url)) await runMain(linkNode);
