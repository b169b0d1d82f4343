import { listAt, objectAt, operatorContainer, policyAnnotation } from '../bundle/shape.ts';
import type { Json } from '../bundle/shape.ts';
import { manifestYaml } from '../manifests/object.ts';
import type { KubernetesObject } from '../manifests/object.ts';
import { operatorSkeleton } from '../manifests/operator.ts';

/** The images of a release, by full reference. */
export interface ReleaseImages {
  readonly operator: string;
  readonly sidecar: string;
}

/**
 * The manifest of a release, `operator.yaml`: images and, once it is made, the policy filled in; the four placeholders that whoever
 * deploys it fills in are left. Same input, same bytes.
 */
export function releaseManifest(images: ReleaseImages, version: string, policyBase64?: string): string {
  const { deployment = {}, service = {} } = operatorSkeleton();
  const spec = objectAt(deployment, 'spec');
  const template = objectAt(spec, 'template');
  const podSpec = objectAt(template, 'spec');
  const metadata = objectAt(template, 'metadata');
  const annotations = objectAt(metadata, 'annotations');
  const policy = policyBase64 === undefined ? {} : { [policyAnnotation]: policyBase64 };
  const containers = listAt(podSpec, 'containers').map((container): Json => ({
    ...container,
    image: container['name'] === operatorContainer ? images.operator : images.sidecar,
  }));
  const released = {
    ...deployment,
    spec: {
      ...spec,
      template: {
        ...template,
        metadata: { ...metadata, annotations: { ...annotations, ...policy } },
        spec: { ...podSpec, containers },
      },
    },
  };
  return manifestYaml({
    title: `UID2 operator ${version}, built by holdfast release build`,
    notes: ['Images, commands, variables, mounts and the policy belong together: change none of them by hand.'],
    // The skeleton has the shape of Kubernetes objects.
    objects: [released, service] as unknown as readonly KubernetesObject[],
  });
}
