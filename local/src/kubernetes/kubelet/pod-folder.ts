import { join } from 'node:path';

/** Name of the folders of a pod: that with its files, and that with its logs. Two pods never have one name. */
export function podFolderName({
  metadata: { name, namespace = 'default', uid = '' },
}: {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly uid?: string | undefined;
  };
}): string {
  return `${namespace}_${name}_${uid}`;
}

/** Folder of a volume of a pod below the folder of all pods, as kubelet lays it out. */
export function volumeFolder(
  podsFolder: string,
  pod: Parameters<typeof podFolderName>[0],
  { plugin, name }: { readonly plugin: string; readonly name: string },
): string {
  return join(podsFolder, podFolderName(pod), 'volumes', `kubernetes.io~${plugin}`, name);
}
