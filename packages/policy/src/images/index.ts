export type { ImageConfig, ImageFacts, ImageFactsSource, ImageLayer, ImagePlatform } from './image-facts.ts';
export { imagesErrorCodes } from './error-codes.ts';
