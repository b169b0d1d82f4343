import type { ImageFactsSource } from '../images/image-facts.ts';
import { configSources } from '../manifests/config-sources.ts';
import { podTemplates } from '../manifests/pod-template.ts';
import { readManifests } from '../manifests/yaml-stream.ts';
import { definitionFromImage, definitionsFromVirtualNode, mergeDefinitions } from './container-definitions.ts';
import { containerContext, type CceOptions, generationOf } from './generate.ts';
import type { CceContainer, CceWarning, Warn } from './policy-model.ts';

/** Finished definitions of the containers of one pod. */
export interface PodDefinitions {
  readonly name: string;
  readonly containers: readonly CceContainer[];
  readonly warnings: readonly CceWarning[];
}

/**
 * Runs the container-definition pipeline over a YAML stream: definitions from the document merged over those of the
 * images. A newer path than `generateCce` with other results; feed what it answers into `generateCce` as
 * `container-definitions`. Never mix the two for one deployment.
 * @throws what `generateCce` throws
 */
export async function generateDefinitions(
  manifests: string | Uint8Array,
  images: ImageFactsSource,
  options: CceOptions = {},
): Promise<readonly PodDefinitions[]> {
  const stream = readManifests(manifests);
  const sources = configSources(stream);
  const pods: PodDefinitions[] = [];
  for (const template of podTemplates(stream)) {
    const warnings: CceWarning[] = [];
    const warn: Warn = (code, message, container) => {
      warnings.push(container === undefined ? { code, message } : { code, message, container });
    };
    const context = containerContext(options, generationOf(options), warn);
    const containers: CceContainer[] = [];
    for (const { image, definition } of definitionsFromVirtualNode(template, sources, context)) {
      // One image at a time: hashing layers may take all the memory there is for it.
      // eslint-disable-next-line no-await-in-loop -- see above
      const facts = await images(image);
      containers.push(mergeDefinitions(definitionFromImage(facts, context), definition));
    }
    pods.push({ name: template.resource.name ?? '', containers, warnings });
  }
  return pods;
}
