import { cp, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { policyWorkspace } from './workspace.ts';
import type { PolicyWorkspace } from './workspace.ts';

const guides = fileURLToPath(new URL('../../../docs/guides/', import.meta.url));

let workspace: PolicyWorkspace;
let guide = '';
beforeAll(async () => {
  workspace = await policyWorkspace();
  await cp(`${guides}policies`, workspace.folder, { recursive: true });
  guide = await readFile(`${guides}policies.md`, 'utf8');
});
afterAll(() => workspace.remove());

const generate = ['generate', 'operator.yaml', '--image-facts', 'image-facts.json'];
const noDropping = ['--policy-flag', 'allow_environment_variable_dropping=false'];

/** Every line of an output that the guide quotes. */
function quoted(output: string): readonly string[] {
  return output.split('\n').filter((line) => line.trim() !== '' && guide.includes(`\n${line}\n`));
}

describe('the guide to confidential policies', () => {
  it('shows what its commands say, in its order', async () => {
    const made = await workspace.policy([...generate, ...noDropping]);
    expect(quoted(made.stderr)).toHaveLength(3);
    expect(quoted((await workspace.policy(['inspect', 'operator.yaml'])).stdout)).toHaveLength(4);
    const explained = await workspace.policy(['explain', 'operator.yaml', '--platform', 'virtual-node']);
    expect(quoted(explained.stdout)).toHaveLength(7);
    expect(explained.exitCode).toBe(1);
    const denial = await workspace.policy(['explain', '--message', 'denial.txt', '--policy', 'operator.yaml']);
    expect(quoted(denial.stdout)).toHaveLength(1);
    const fixed = await workspace.policy([...generate, ...noDropping, '--allow-platform-identity', '--yes']);
    const [, digest = ''] = /HOST_DATA must equal ([0-9a-f]{64})/u.exec(fixed.stderr) ?? [];
    expect(guide).toContain(`--expect ${digest}\n`);
    expect((await workspace.policy(['measure', 'operator.yaml', '--expect', digest])).exitCode).toBe(0);
    const strict = ['verify', 'operator.yaml', '--image-facts', 'image-facts.json', '--fail-on', 'warning'];
    expect((await workspace.policy(strict)).exitCode).toBe(0);
  });
});
