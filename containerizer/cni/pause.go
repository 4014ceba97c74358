package cni

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
)

// PauseProgram is the path of the only file in the image of PauseImage.
const PauseProgram = "/pause"

// pauseCode has, by processor, a program that waits for a signal for ever. It needs a page of memory, and no other file.
var pauseCode = map[string]struct {
	machine uint16 // of the ELF header
	code    []byte
}{
	// again: mov eax, pause; syscall; jmp again
	"amd64": {62, []byte{0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7}},
	// again: mov x0..x3, 0; mov x8, ppoll; svc 0; b again
	"arm64": {183, words(0xd2800000, 0xd2800001, 0xd2800002, 0xd2800003, 0xd2800928, 0xd4000001, 0x17fffffa)},
}

func words(instructions ...uint32) (code []byte) {
	for _, i := range instructions {
		code = binary.LittleEndian.AppendUint32(code, i)
	}
	return code
}

// PauseImage is the file system of an image for containers that only hold a network namespace, as the Engine imports it: a tar
// archive of one program of some hundred bytes.
func PauseImage() ([]byte, error) {
	program, err := pauseProgram(runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: PauseProgram[1:], Mode: 0o555, Size: int64(len(program)), Typeflag: tar.TypeReg}); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

// pauseProgram is a static executable of one segment: the ELF header, one program header and the code.
func pauseProgram(architecture string) ([]byte, error) {
	p, known := pauseCode[architecture]
	if !known {
		return nil, fmt.Errorf("CNI networks are not supported on %s processors", architecture)
	}
	const base, headers = 0x400000, 64 + 56
	size := uint64(headers + len(p.code))
	elf := []byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0} // 64 bits, little-endian
	for _, field := range []any{
		uint16(2), p.machine, uint32(1), uint64(base + headers), uint64(64), uint64(0), uint32(0), // executable; entry; program headers
		uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x10000), // loaded; readable and executable
	} {
		var err error
		if elf, err = binary.Append(elf, binary.LittleEndian, field); err != nil {
			return nil, err
		}
	}
	return append(elf, p.code...), nil
}
