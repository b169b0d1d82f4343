import { describe, expect, it } from 'vitest';

import { admitPod, createAgentPolicy } from '../../src/peer-pod/agent-policy.ts';
import type { PeerPodManifest } from '../../src/peer-pod/pod-manifest.ts';
import { generateKataPod } from '../../src/virtual-node/kata-pod.ts';
import { scriptImage } from '../../testing/script-image.ts';

const pod: PeerPodManifest = {
  name: 'reader',
  namespace: 'default',
  annotation: undefined,
  legacyAnnotation: undefined,
  containers: [
    {
      name: 'app',
      image: 'registry.example/app:1',
      command: ['serve'],
      environment: new Map([['MODE', 'test']]),
      secretFiles: new Map(),
    },
  ],
};

const OPEN = `package agent_policy

default CreateSandboxRequest := true
default CreateContainerRequest := true
default StartContainerRequest := true
default ExecProcessRequest := false
`;

const BY_IMAGE = `package agent_policy

import rego.v1

default CreateSandboxRequest := true
default StartContainerRequest := true
default CreateContainerRequest := false
default ExecProcessRequest := false

CreateContainerRequest if {
  input.OCI.Annotations["io.kubernetes.cri.image-name"] in policy_data.images
  input.OCI.Process.Args == ["serve"]
  "MODE=test" in input.OCI.Process.Env
}

ExecProcessRequest if concat(" ", input.process.Args) in policy_data.allowed_commands

policy_data := {"images": ["registry.example/app:1"], "allowed_commands": ["cat /proc/version"]}
`;

describe('the policy of a guest', () => {
  it('of the image allows everything where the initdata have none', () => {
    const policy = createAgentPolicy(undefined);
    expect(policy.kind).toBe('image-default');
    expect(policy.allows('ExecProcessRequest', {})).toBe(true);
    expect(() => admitPod(policy, pod)).not.toThrow();
  });

  it('decides requests by its defaults', () => {
    const policy = createAgentPolicy(OPEN);
    expect(policy.kind).toBe('evaluated');
    expect(() => admitPod(policy, pod)).not.toThrow();
    expect(policy.allows('ExecProcessRequest', {})).toBe(false);
  });

  it('decides requests by its rules', () => {
    const policy = createAgentPolicy(BY_IMAGE);
    expect(() => admitPod(policy, pod)).not.toThrow();
    expect(policy.allows('ExecProcessRequest', { process: { Args: ['cat', '/proc/version'] } })).toBe(true);
    expect(policy.allows('ExecProcessRequest', { process: { Args: ['sh'] } })).toBe(false);
    const other = { ...pod, containers: pod.containers.map((container) => ({ ...container, image: 'evil' })) };
    expect(() => admitPod(policy, other)).toThrow(
      expect.objectContaining({
        code: 'PEER_POD_POLICY_REFUSED',
        details: { request: 'CreateContainerRequest', container: 'app' },
      }),
    );
  });

  it('refuses what it says nothing about', () => {
    expect(() => admitPod(createAgentPolicy('package agent_policy\n'), pod)).toThrow(
      expect.objectContaining({ code: 'PEER_POD_POLICY_REFUSED', details: { request: 'CreateSandboxRequest' } }),
    );
  });

  it('lets requests pass that fail when it says so', () => {
    const policy = createAgentPolicy('package agent_policy\n\ndefault AllowRequestsFailingPolicy := true\n');
    expect(() => admitPod(policy, pod)).not.toThrow();
  });

  it('refuses everything when it is of another package', () => {
    expect(() => admitPod(createAgentPolicy(OPEN.replace('agent_policy', 'policy')), pod)).toThrow(
      expect.objectContaining({ code: 'PEER_POD_POLICY_REFUSED' }),
    );
  });

  it('that is no Rego keeps the pod from starting', () => {
    expect(() => createAgentPolicy('package agent_policy\n\ndefault x :=')).toThrow(
      expect.objectContaining({ code: 'REGO_SYNTAX_INVALID' }),
    );
  });

  it('that was generated for the layers of images is not judged without them, and says so', async () => {
    const manifest =
      'apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec: { runtimeClassName: kata-cc-isolation, containers: [{ name: app, image: "script:1" }] }\n';
    const { policyText } = await generateKataPod(manifest, [(await scriptImage()).facts]);
    const policy = createAgentPolicy(policyText);
    expect([policy.kind, policy.allows('CreateContainerRequest', {})]).toEqual(['generated', undefined]);
  });
});
