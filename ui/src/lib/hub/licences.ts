// Licences as the Hub names them, in words.
export const LICENCES = [
  ["apache-2.0", "Apache 2.0"],
  ["mit", "MIT"],
  ["llama3.1", "Llama 3.1"],
  ["llama3.2", "Llama 3.2"],
  ["llama3.3", "Llama 3.3"],
  ["gemma", "Gemma"],
  ["cc-by-4.0", "CC BY 4.0"],
  ["cc-by-sa-4.0", "CC BY-SA 4.0"],
  ["cc-by-nc-4.0", "CC BY-NC 4.0"],
] as const;

const NAMES = new Map<string, string>(LICENCES);

export function licenceName(licence: string | null): string {
  if (licence === null || licence === "unknown") return "Licence not stated";
  if (licence === "other") return "A licence of its own";
  return NAMES.get(licence) ?? licence;
}
