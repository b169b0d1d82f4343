import { asObject, textMember } from './json-value.ts';
import type { PodTemplate } from './pod-template.ts';
import { setYamlText } from './set-yaml-text.ts';
import type { ManifestStream } from './yaml-stream.ts';

/** An annotation for one pod or pod template of a stream. */
export interface PodAnnotation {
  readonly template: PodTemplate;
  readonly key: string;
  readonly value: string;
}

/**
 * The text of a stream after annotations of pods (`metadata.annotations` of the pod or pod template, never of its
 * controller) are set or replaced. Every other byte stays as it was.
 * @throws UnsupportedError MANIFEST_EDIT_UNSUPPORTED when the metadata or annotations come from an alias or carry a tag
 */
export function annotatePods(stream: ManifestStream, annotations: readonly PodAnnotation[]): string {
  return setYamlText(
    stream,
    annotations.map(({ template, key, value }) => ({
      document: template.resource.document,
      path: [...template.path, 'metadata', 'annotations', key],
      value,
    })),
  );
}

/** The annotation of a pod or pod template, undefined when it has none or it is not text. */
export function podAnnotation(template: PodTemplate, key: string): string | undefined {
  return textMember(asObject(template.metadata['annotations']) ?? {}, key);
}
