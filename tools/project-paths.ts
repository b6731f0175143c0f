import { join, resolve } from 'node:path';

/** From dist/tools, where this runs. */
export const projectRoot = resolve(__dirname, '..', '..');

export const stateDirectory = join(projectRoot, '.rivulet');
export const logsDirectory = join(stateDirectory, 'logs');
