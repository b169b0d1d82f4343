import { createHash } from 'node:crypto';

/** A container image as the virtual node knows it: what a registry would say about it, and the program that stands in. */
export interface CatalogueImage {
  /** `registry/repository:tag`. */
  readonly reference: string;
  /** The image's own command, used when the manifest names none. */
  readonly command: readonly string[];
  /** Environment the image configuration sets. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** Root hashes of the layers as a policy lists them, base layer first. */
  readonly layers: readonly string[];
  /** The program and arguments that run for a container command; undefined when the image has no such file. */
  program(command: readonly string[]): readonly string[] | undefined;
}

/** Image name → image. */
export class ImageCatalogue {
  readonly #images: ReadonlyMap<string, CatalogueImage>;

  constructor(images: Iterable<CatalogueImage>) {
    this.#images = new Map([...images].map((image) => [image.reference, image]));
  }

  find(reference: string): CatalogueImage | undefined {
    return this.#images.get(reference);
  }

  references(): readonly string[] {
    return [...this.#images.keys()];
  }
}

export const SKR_IMAGE = 'mcr.microsoft.com/aci/skr:2.14';
const OPERATOR_VERSION = '0.1.0';
export const OPERATOR_IMAGE: string = `holdfast.local/uid2-operator:${OPERATOR_VERSION}`;

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The images of a private operator's pod, whose programs are this product's own services.
 * @param serve The command line that runs `holdfast serve`, without the service's name.
 */
export function operatorPodImages(serve: readonly string[]): ImageCatalogue {
  return new ImageCatalogue([
    serviceImage({ reference: SKR_IMAGE, command: ['/skr.sh'], service: 'skr', serve }),
    serviceImage({
      reference: OPERATOR_IMAGE,
      command: ['/app/holdfast', 'serve', 'operator'],
      service: 'operator',
      serve,
      environment: { IMAGE_VERSION: OPERATOR_VERSION },
    }),
  ]);
}

interface ServiceImage {
  readonly reference: string;
  readonly command: readonly string[];
  readonly service: string;
  readonly serve: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

function serviceImage({ reference, command, service, serve, environment = {} }: ServiceImage): CatalogueImage {
  return {
    reference,
    command,
    environment: { PATH, ...environment },
    workingDirectory: '/',
    layers: [standInLayer(reference, 0), standInLayer(reference, 1)],
    program: (wanted) =>
      wanted.length === command.length && wanted.every((argument, index) => argument === command[index])
        ? [...serve, service, '--until-stdin-closes']
        : undefined,
  };
}

/** A local image is a program on this machine and has no file system layers; its name stands in for their root hashes. */
function standInLayer(reference: string, index: number): string {
  return createHash('sha256').update(`holdfast local image layer ${index} of ${reference}`).digest('hex');
}
