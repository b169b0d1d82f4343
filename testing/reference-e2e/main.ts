import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { freePortBase, REFERENCE_PORTS, runHoldfast, startReferenceStack } from '../src/index.ts';

/*
 * node testing/reference-e2e/main.ts [FOLDER]
 *
 * Makes a small world in FOLDER (./.holdfast-reference-e2e), starts Core, Opt-Out and a public operator over it on the ports of the
 * reference's end-to-end suite, writes the suite's variables to FOLDER/e2e.env, and runs until Ctrl-C.
 */
const folder = resolve(process.argv[2] ?? '.holdfast-reference-e2e');
const home = join(folder, 'home');
if (existsSync(home)) throw new Error(`${home} is there already; each run needs a new folder`);
mkdirSync(folder, { recursive: true });

const portBase = String(await freePortBase(12));
const seeded = await runHoldfast(['up', '--check', '--home', home, '--port-base', portBase, '--salts', '2000']);
if (seeded.code !== 0) throw new Error(seeded.stderr);

const stack = await startReferenceStack(home, REFERENCE_PORTS);
const file = join(folder, 'e2e.env');
const lines = Object.entries(stack.variables).map(([name, value]) => `${name}=${value}\n`);
writeFileSync(file, lines.join(''), { mode: 0o600 });
process.stderr.write(`running; the variables are in ${file}; Ctrl-C stops everything\n`);

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await stack.stop();
