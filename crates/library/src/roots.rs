//! Where other programs keep their models, on each system.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::small_file;

/// The folders to look through. Those that do not exist do no harm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    /// Folders that hold Ollama's `manifests` and `blobs`.
    pub ollama: Vec<PathBuf>,
    /// Folders that hold LM Studio's publishers.
    pub lm_studio: Vec<PathBuf>,
    /// Jan's data folders.
    pub jan: Vec<PathBuf>,
    /// Folders that hold the `models--…` folders of the Hugging Face cache.
    pub hf_cache: Vec<PathBuf>,
}

/// The system, by what it calls its folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Os {
    Linux,
    Mac,
    Windows,
}

/// What a program asks to find its folders.
struct Places<V> {
    os: Os,
    variable: V,
    home: PathBuf,
}

impl Roots {
    /// The folders that this person's programs use, by their settings, the environment and the system's habits.
    /// `hub_cache` is the Hugging Face cache, which hearth-hub locates.
    pub fn from_env(hub_cache: Option<PathBuf>) -> Self {
        let os = match std::env::consts::OS {
            "windows" => Os::Windows,
            "macos" => Os::Mac,
            _ => Os::Linux,
        };
        let hf_cache = hub_cache.into_iter().collect();
        let Some(home) = std::env::home_dir().filter(|home| home.is_absolute()) else {
            return Self {
                hf_cache,
                ..Self::default()
            };
        };
        let places = Places {
            os,
            variable: |name: &str| std::env::var_os(name),
            home,
        };
        Self {
            hf_cache,
            ..places.roots()
        }
    }
}

impl<V: Fn(&str) -> Option<OsString>> Places<V> {
    fn roots(&self) -> Roots {
        Roots {
            ollama: once_each(self.ollama()),
            lm_studio: once_each(self.lm_studio()),
            jan: once_each(self.jan()),
            hf_cache: Vec::new(),
        }
    }

    /// <https://docs.ollama.com/faq>, "Where are models stored?". A person's variable may differ from that of the
    /// service, so the usual folders are looked through besides.
    fn ollama(&self) -> Vec<PathBuf> {
        let mut roots: Vec<PathBuf> = self.folder("OLLAMA_MODELS").into_iter().collect();
        roots.push(self.home.join(".ollama").join("models"));
        if self.os == Os::Linux {
            roots.push("/usr/share/ollama/.ollama/models".into());
        }
        roots
    }

    /// LM Studio's SDK asks `.lmstudio-home-pointer`, then the folder of versions before 0.3, then `.lmstudio`.
    fn lm_studio(&self) -> Vec<PathBuf> {
        let pointed = small_file::read(&self.home.join(".lmstudio-home-pointer")).ok();
        let mut homes: Vec<PathBuf> = pointed.as_deref().and_then(absolute).into_iter().collect();
        homes.push(self.home.join(".lmstudio"));
        homes.push(self.home.join(".cache").join("lm-studio"));
        let roots = homes.iter().flat_map(|home| {
            let chosen = small_file::json_text(&home.join("settings.json"), "downloadsFolder");
            let chosen = chosen.as_deref().and_then(absolute);
            chosen.into_iter().chain([home.join("models")])
        });
        roots.collect()
    }

    /// Jan asks `JAN_DATA_FOLDER`, then its settings, then a folder in the system's data folder (in the one for
    /// configuration before it was a Tauri app, and in `jan` at first).
    fn jan(&self) -> Vec<PathBuf> {
        let mut roots: Vec<PathBuf> = self.folder("JAN_DATA_FOLDER").into_iter().collect();
        for base in self.jan_bases() {
            let base = base.join("Jan");
            let chosen = small_file::json_text(&base.join("settings.json"), "data_folder");
            roots.extend(chosen.as_deref().and_then(absolute));
            roots.push(base.join("data"));
        }
        roots.push(self.home.join("jan"));
        roots
    }

    fn jan_bases(&self) -> Vec<PathBuf> {
        let home = &self.home;
        match self.os {
            Os::Mac => vec![home.join("Library").join("Application Support")],
            Os::Windows => vec![
                self.folder("APPDATA")
                    .unwrap_or_else(|| home.join("AppData").join("Roaming")),
            ],
            Os::Linux => vec![
                self.folder("XDG_DATA_HOME")
                    .unwrap_or_else(|| home.join(".local").join("share")),
                self.folder("XDG_CONFIG_HOME")
                    .unwrap_or_else(|| home.join(".config")),
                home.join(".var").join("app").join("ai.jan.Jan").join("data"),
            ],
        }
    }

    fn folder(&self, name: &str) -> Option<PathBuf> {
        let folder = PathBuf::from((self.variable)(name)?);
        // A relative one is relative to a folder that another program was started in.
        folder.is_absolute().then_some(folder)
    }
}

fn absolute(text: &str) -> Option<PathBuf> {
    let path = Path::new(text.trim());
    path.is_absolute().then(|| path.to_path_buf())
}

fn once_each(mut folders: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = std::collections::HashSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn roots(os: Os, home: &Path, variables: &[(&str, &Path)]) -> Roots {
        let variable = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.as_os_str().to_owned())
        };
        let home = home.to_path_buf();
        Places { os, variable, home }.roots()
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn each_system_has_its_own_folders() {
        let folder = TempDir::new().unwrap();
        let home = folder.path();
        let mac = roots(Os::Mac, home, &[]);
        assert_eq!(mac.ollama, [home.join(".ollama/models")]);
        assert_eq!(
            mac.lm_studio,
            [
                home.join(".lmstudio/models"),
                home.join(".cache/lm-studio/models")
            ]
        );
        assert_eq!(
            mac.jan,
            [
                home.join("Library/Application Support/Jan/data"),
                home.join("jan")
            ]
        );
        let roaming = home.join("Roaming");
        assert_eq!(
            roots(Os::Windows, home, &[("APPDATA", &roaming)]).jan,
            [roaming.join("Jan/data"), home.join("jan")]
        );
        let linux = roots(Os::Linux, home, &[]);
        assert!(linux.ollama.contains(&"/usr/share/ollama/.ollama/models".into()));
        assert_eq!(linux.jan[0], home.join(".local/share/Jan/data"));
    }

    #[test]
    fn variables_come_first_and_relative_ones_do_not_count() {
        let folder = TempDir::new().unwrap();
        let home = folder.path();
        let big = home.join("big disk");
        let set = [
            ("OLLAMA_MODELS", big.as_path()),
            ("JAN_DATA_FOLDER", Path::new("data")),
        ];
        let found = roots(Os::Mac, home, &set);
        assert_eq!(found.ollama, [big, home.join(".ollama/models")]);
        assert_eq!(found.jan, roots(Os::Mac, home, &[]).jan);
    }

    #[test]
    fn a_folder_chosen_in_a_programs_settings_is_looked_through() {
        let folder = TempDir::new().unwrap();
        let home = folder.path();
        let (moved, chosen, data) = (home.join("moved"), home.join("chosen"), home.join("data"));
        let text = |path: &Path| serde_json::to_string(path).unwrap();
        write(
            &home.join(".lmstudio-home-pointer"),
            &format!("{}\n", moved.display()),
        );
        write(
            &moved.join("settings.json"),
            &format!(r#"{{"downloadsFolder": {}}}"#, text(&chosen)),
        );
        write(
            &home.join("Library/Application Support/Jan/settings.json"),
            &format!(r#"{{"data_folder": {}}}"#, text(&data)),
        );
        let found = roots(Os::Mac, home, &[]);
        assert_eq!(found.lm_studio[..2], [chosen, moved.join("models")]);
        assert_eq!(found.jan[0], data);
    }

    #[test]
    fn settings_that_make_no_sense_are_as_good_as_none() {
        let folder = TempDir::new().unwrap();
        let home = folder.path();
        let plain = roots(Os::Linux, home, &[]);
        for nonsense in ["", "{", "[]", r#"{"downloadsFolder": 7, "data_folder": "../up"}"#] {
            write(&home.join(".lmstudio/settings.json"), nonsense);
            write(&home.join(".local/share/Jan/settings.json"), nonsense);
            write(&home.join(".lmstudio-home-pointer"), nonsense);
            assert_eq!(roots(Os::Linux, home, &[]), plain);
        }
    }
}
