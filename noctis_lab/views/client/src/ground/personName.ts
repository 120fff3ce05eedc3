/** Return a Person Name (PN, PS3.5 6.2.1) as people read it: the family name, a comma, the rest; as `dicom.person_name` in Python. */
export function formatPersonName(name: string): string {
  const [family = "", ...rest] = (name.split("=")[0] ?? "").split("^");
  return [family, rest.filter((part) => part !== "").join(" ")].filter((part) => part !== "").join(", ") || name;
}
