-- What the weights of a model of safetensors are quantised to while they are read, in the engine's name; none for the best
-- that this computer's memory holds, and for GGUF files, which are taken as they are.
ALTER TABLE models ADD COLUMN quantisation TEXT;

-- Which of a repo's variants a download is of: the files of a model of safetensors are the same for several. None for
-- downloads from before, whose name tells.
ALTER TABLE transfers ADD COLUMN variant TEXT;
