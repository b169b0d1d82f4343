import type { ImageFacts } from '../../src/images/index.ts';
import { generateKata, type KataGenerateOptions, type KataGeneration } from '../../src/kata/generate.ts';
import type { KataPolicyData } from '../../src/kata/policy-data.ts';
import { nativeKataRules } from '../../src/kata/rules.ts';
import { defaultKataSettings } from '../../src/kata/settings.ts';

/** Facts of an image with two small layers. */
export function smallImage(reference: string, extra: Partial<ImageFacts> = {}): ImageFacts {
  const layer = (digit: string): ImageFacts['layers'][number] => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    digest: `sha256:${digit.repeat(64)}`,
    size: 1,
    diffId: `sha256:${digit.repeat(64)}`,
    rootHashTarfs: digit.repeat(64),
  });
  return {
    reference,
    manifestDigest: `sha256:${'f'.repeat(64)}`,
    platform: { os: 'linux', architecture: 'amd64' },
    config: { Env: ['PATH=/bin'], Entrypoint: ['/entry'], Cmd: ['default'] },
    layers: [layer('1'), layer('2')],
    ...extra,
  };
}

export const smallPod = `apiVersion: v1
kind: Pod
metadata:
  name: small # stays
spec:
  containers:
    - name: app
      image: example.org/app:1
      command: [run]
      env:
        - { name: COLOUR, value: red }
`;

/** Generates policies with native rules and images as `smallImage` makes them. */
export function generateSmall(yaml: string, options: Partial<KataGenerateOptions> = {}): Promise<KataGeneration> {
  const settings = options.settings ?? defaultKataSettings('ms');
  return generateKata(yaml, {
    settings,
    rules: nativeKataRules(settings.profile),
    imageFacts: (reference) => Promise.resolve(smallImage(reference)),
    ...options,
  });
}

/** The policy of `smallPod` in the MS profile. */
export async function smallPolicy(): Promise<KataPolicyData> {
  const { policies } = await generateSmall(smallPod);
  const [only] = policies;
  if (only === undefined) throw new Error('no policy was generated');
  return only.policyData;
}
