import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { CLOUD_PORTS, failedUp, freePortBase, runHoldfast } from '../src/index.ts';
import { copySeededHome, editFile } from './home-copy.ts';

/** A pod that is denied asks nobody. */
const args = ['--only', 'azure,operator'];

async function deniedStart(home: string, env: Readonly<Record<string, string>> = {}) {
  const { code: exit, error } = await failedUp({ home, args, env });
  return { exit, code: error.code, message: error.message, explanation: error.details?.explanation ?? '' };
}

/** The largest layer of an image layout: the operator's third-party packages. */
function largestLayer(folder: string): string {
  const blobs = join(folder, 'layout', 'blobs', 'sha256');
  const files = readdirSync(blobs).map((name) => join(blobs, name));
  return files.reduce((a, b) => (statSync(b).size > statSync(a).size ? b : a));
}

describe('the policy of the operator pod is enforced before anything runs', () => {
  it('one byte of a layer flipped: the mount is denied, and the reason told in words', async () => {
    const images = mkdtempSync(join(tmpdir(), 'holdfast-images-'));
    const env = { HOLDFAST_IMAGES: images };
    const home = copySeededHome();
    const base = String(await freePortBase(CLOUD_PORTS));
    expect((await runHoldfast(['up', '--check', '--home', home, '--port-base', base], env)).code).toBe(0);
    const layer = largestLayer(images);
    const bytes = readFileSync(layer);
    const at = bytes.indexOf('"use strict"');
    bytes[at + 1] = (bytes[at + 1] ?? 0) ^ 1;
    writeFileSync(layer, bytes);
    const failure = await deniedStart(home, env);
    expect([failure.exit, failure.code]).toEqual([1, 'OPERATOR_NOT_STARTED']);
    expect(failure.message).toContain('PolicyDenied: mount_device is denied');
    expect(failure.explanation).toContain('the image layer is not in the policy');
    rmSync(images, { recursive: true, force: true });
  });

  it('a variable added to the pod: the container is denied, and the variable named', async () => {
    const home = copySeededHome();
    editFile(home, 'operator.yaml', (text) =>
      text.replace(
        '- name: VAULT_NAME',
        "- name: LEAK_SALTS\n              value: 'on'\n            - name: VAULT_NAME",
      ),
    );
    const failure = await deniedStart(home);
    expect([failure.exit, failure.code]).toEqual([1, 'OPERATOR_NOT_STARTED']);
    expect(failure.message).toContain('LEAK_SALTS');
  });

  it('a variable that the platform begins to add: denied, with the rule that would admit it', async () => {
    const home = copySeededHome();
    editFile(home, 'virtual-node.json', () =>
      JSON.stringify({ platformVariables: { IDENTITY_ENDPOINT: 'http://169.254.169.254/metadata/identity' } }),
    );
    const failure = await deniedStart(home);
    expect(failure.message).toContain('IDENTITY_ENDPOINT');
    expect(failure.explanation).toContain('IDENTITY_ENDPOINT=.+');
  });

  it('an image that the policy was not made for: denied', async () => {
    const home = copySeededHome();
    editFile(home, 'operator.yaml', (text) =>
      text.replace(/(ccepolicy: )(\S+)/, (_all, key: string, policy: string) => {
        const rego = Buffer.from(policy, 'base64').toString();
        const old = rego.replace(/"layers":\["([0-9a-f]{64})"/, `"layers":["${'0'.repeat(64)}"`);
        return key + Buffer.from(old).toString('base64');
      }),
    );
    const failure = await deniedStart(home);
    expect([failure.exit, failure.code]).toEqual([1, 'OPERATOR_NOT_STARTED']);
    expect(failure.message).toContain('mount_device is denied');
  });
});
