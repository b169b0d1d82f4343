import { RequestError } from '@holdfast/base';
import { defaultKataSettings, generateKata, nativeKataRules } from '@holdfast/policy';
import type { ImageFacts, KataGeneratedPolicy } from '@holdfast/policy';

/** Carries the policy of a Kata pod on a confidential node: Base64 of the text whose SHA-256 becomes HOST_DATA. */
export const KATA_POLICY_ANNOTATION = 'io.katacontainers.config.agent.policy';

const PAUSE_IMAGE = 'mcr.microsoft.com/oss/v2/kubernetes/pause:3.6';

/**
 * The policy that admits one pod on confidential nodes of AKS and of this machine's node, with the settings of the AKS
 * policy tool. It holds what a runtime is expected to ask for, so it also says what the runtime will ask for.
 * @param manifest Stream with the pod; the first object that makes one counts.
 * @param images Facts of the pod's images, with tarfs root hashes.
 * @param lenient Whether fields that may change requests in unknown ways are passed over instead of refused.
 * @throws MalformedError, UnsupportedError, RequestError as `generateKata`
 */
export async function generateKataPod(
  manifest: string,
  images: readonly ImageFacts[],
  { lenient = false }: { readonly lenient?: boolean } = {},
): Promise<KataGeneratedPolicy> {
  const facts = [PAUSE_FACTS, ...images.map(asPulled)];
  const { policies } = await generateKata(manifest, {
    settings: defaultKataSettings('ms'),
    rules: nativeKataRules('ms'),
    tolerateUnknownFields: lenient,
    imageFacts: (reference) => {
      const found = facts.find((image) => image.reference === reference);
      return found === undefined ? Promise.reject(imageUnknown(reference)) : Promise.resolve(found);
    },
  });
  const [policy] = policies;
  if (policy === undefined) throw new RangeError('the manifest has no pod');
  return policy;
}

/** A local layout keeps layers uncompressed. Registries hold them compressed, and the policy tool takes no others. */
function asPulled(image: ImageFacts): ImageFacts {
  const layers = image.layers.map((layer) => ({ ...layer, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' }));
  return { ...image, layers };
}

function imageUnknown(image: string): RequestError {
  return new RequestError('KATA_IMAGE_FACTS_MISSING', `Nothing is known about the image ${image}.`, {
    details: { image },
  });
}

/** The image of the sandbox's own container, as the policy tool measures it. The platform has it; nobody brings one. */
const PAUSE_FACTS: ImageFacts = {
  reference: PAUSE_IMAGE,
  manifestDigest: '',
  platform: { os: 'linux', architecture: 'amd64' },
  config: {
    Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    Cmd: ['/pause'],
    WorkingDir: '/',
  },
  layers: [
    pauseLayer(
      'd1940fd00f8af6f67e098e31daab3564eb3c6b663aa529051b0d976156d65ab2',
      '922bab4fb6a47d59dfdcfa9ea8ee3f0c8ca8f951919aacccf6aa00c84b06c5ba',
    ),
    pauseLayer(
      '7cdaa632080487088c457b94092cd2edf599a27d3e951a12ae5d08ff255925f7',
      '6743d66faa638f1ece05151e939aa5a6155a4304b31571c062381d111ea103be',
    ),
  ],
};

function pauseLayer(layerName: string, rootHashTarfs: string): ImageFacts['layers'][number] {
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  return { mediaType, digest: '', size: 0, diffId: '', layerName, rootHashTarfs };
}
