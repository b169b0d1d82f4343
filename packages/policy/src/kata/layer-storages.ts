import type { KataImage } from './image.ts';
import type { KataStorage } from './policy-data.ts';

/**
 * The storages of an image in the MS profile: one block device with a tarfs image per layer, and the overlay that joins them. The
 * overlay carries the layers' names and root hashes, top layer first.
 */
export function layerStorages(image: KataImage, rootPath: string): KataStorage[] {
  const topFirst = image.layers.toReversed();
  const storage = (driver: string, fstype: string, options: string[], mountPoint: string): KataStorage => ({
    driver,
    driver_options: [],
    source: '',
    fstype,
    options,
    mount_point: mountPoint,
    fs_group: null,
  });
  const names = topFirst.map((layer) => layer.name).join(':');
  const hashes = topFirst.map((layer) => layer.rootHash).join(':');
  return [
    ...topFirst.map((_, index) => storage('blk', 'tar', [`$(hash${index})`], `$(layer${index})`)),
    storage('overlayfs', 'fuse3.kata-overlay', [names, hashes], rootPath),
  ];
}
