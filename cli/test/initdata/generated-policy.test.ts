import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { capture } from '../captured-io.ts';
import type { CapturedRun } from '../captured-io.ts';
import { operatorImages, policyWorkspace } from '../policy/workspace.ts';
import type { PolicyWorkspace } from '../policy/workspace.ts';

const POD = `apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  runtimeClassName: kata-cc-isolation
  containers:
    - {name: c, image: "registry.example/skr:2.7"}
`;
const AA = '[token_configs.kbs]\nurl = "http://kbs.example.test:8080"\n';

let workspace: PolicyWorkspace;
beforeEach(async () => {
  const { images } = JSON.parse(operatorImages) as { readonly images: readonly { readonly reference: string }[] };
  const [first, ...others] = images;
  const pause = ['mcr.microsoft.com/oss/v2/kubernetes/pause:3.6', 'mcr.microsoft.com/oss/kubernetes/pause:3.6'];
  const recorded = [...pause.map((reference) => ({ ...first, reference })), ...others];
  workspace = await policyWorkspace();
  await workspace.write('images.json', JSON.stringify({ version: 1, images: recorded }));
  await workspace.write('pod.yaml', POD);
  await workspace.write('aa.toml', AA);
});
afterEach(() => workspace.remove());

async function initdata(...args: string[]): Promise<CapturedRun> {
  return capture(['initdata', ...args], { cwd: workspace.folder });
}

describe('a Kata policy that holdfast policy generate made', () => {
  it('is embedded as it is, from the annotated pod', async () => {
    expect((await workspace.policy(['generate', 'pod.yaml', '--image-facts', 'images.json'])).exitCode).toBe(0);
    const value = /io\.katacontainers\.config\.agent\.policy"?: "?([A-Za-z0-9+/=]+)/u.exec(
      await workspace.read('pod.yaml'),
    );
    const built = await initdata('build', '--aa', 'aa.toml', '--policy', 'pod.yaml', '--output', 'initdata.toml');
    expect(built).toMatchObject({ exitCode: 0 });
    const { stdout } = await initdata('inspect', 'initdata.toml', '--entry', 'policy.rego');
    expect(stdout).toBe(Buffer.from(value?.[1] ?? '', 'base64').toString());
    expect(stdout).toContain('policy_data := {');
  });

  it('is read, checked and measured where the generator itself wrote initdata', async () => {
    const args = ['generate', 'pod.yaml', '--profile', 'upstream', '--image-facts', 'images.json'];
    const generated = await workspace.policy(args);
    expect(generated.stderr).toContain('policy for 2 containers');
    const inspected = await initdata('inspect', 'pod.yaml');
    expect(inspected).toMatchObject({ exitCode: 0 });
    expect(inspected.stdout).toContain('policy.rego');
    const measured = await initdata('measure', 'pod.yaml', '--json');
    const { items } = JSON.parse(measured.stdout) as {
      readonly items: readonly { readonly registers: { readonly 'host-data': string } }[];
    };
    const shown = await workspace.policy(['measure', 'pod.yaml', '--json']);
    expect(shown.stdout).toContain(items[0]?.registers['host-data'] ?? 'no measurement');
  });
});
